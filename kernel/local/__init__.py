"""The embedded servers of a developer's machine: PostgreSQL, Valkey, and the supervisor that keeps a run's processes
together.

Stands alone: imports nothing of ours outside this room, so that set-up, tests and benchmarks can use it before
anything else exists.
"""

from kernel.local.machine import (
    Claim,
    MachineProblem,
    check_folder,
    check_machine,
    check_port,
    check_shared_memory,
    free_port,
    plain_words,
)
from kernel.local.postgres import Postgres
from kernel.local.program import Program
from kernel.local.supervisor import Stopped, Supervisor, web_answers
from kernel.local.valkey import Valkey

__all__ = [
    "Claim",
    "MachineProblem",
    "Postgres",
    "Program",
    "Stopped",
    "Supervisor",
    "Valkey",
    "check_folder",
    "check_machine",
    "check_port",
    "check_shared_memory",
    "free_port",
    "plain_words",
    "web_answers",
]
