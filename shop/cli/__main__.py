"""Finds the command and says problems in one sentence.

Each command module has ``register(commands)``, which adds its parser and sets ``act`` to a function ``(arguments) -> exit code``.
Modules are imported only when their command is asked for, so that ``./shanhai help`` is quick.
"""

from __future__ import annotations

import argparse
import importlib
import sys

COMMANDS = {
    "run": "start everything on this machine: shop, worker, log, witnesses, payment server",
    "test": "run all tests on real servers",
    "lint": "check style, types and import rules",
    "bench": "measure, each figure beside its yardstick",
    "demo": "story: walk the whole way over HTTP; keys: logins and API keys",
    "ledger": "audit the log, verify a proof file",
    "witness": "serve: run a witness of your own",
    "recall": "dry run of a recall, or confirm it",
    "admin": "create: make the first operator",
    "migrate": "bring the database up to date",
    "serve": "one process of a larger installation: web, worker, beat, sequencer, publisher",
}


def main(argv: list[str]) -> int:
    """Run one command; returns its exit code."""
    if not argv or argv[0] in ("help", "-h", "--help") or argv[0] not in COMMANDS:
        sys.stdout.write("usage: ./shanhai <command>\n\n")
        for name, what in COMMANDS.items():
            sys.stdout.write(f"  {name:9} {what}\n")
        return 0 if not argv or argv[0] in ("help", "-h", "--help") else 2
    parser = argparse.ArgumentParser(prog="./shanhai")
    commands = parser.add_subparsers(required=True)
    importlib.import_module(f"shop.cli.{argv[0]}").register(commands)
    arguments, extra = parser.parse_known_args(argv)
    if extra and not getattr(arguments, "takes_more", False):
        parser.error(f"unknown argument: {extra[0]}")
    arguments.more = extra
    return _guarded(arguments)


def _guarded(arguments: argparse.Namespace) -> int:
    from kernel.errors import Problem
    from kernel.local import MachineProblem
    from shop.config import ConfigProblem

    try:
        return int(arguments.act(arguments) or 0)
    except (ConfigProblem, MachineProblem, Problem) as problem:
        sys.stderr.write(f"shanhai: {problem}\n")
        for error in getattr(problem, "errors", ()):
            sys.stderr.write(f"  {error.field}: {error.text(str)}\n")
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
    except Exception as problem:
        sentence = _of_the_database(problem)
        if sentence is None:
            raise
        sys.stderr.write(f"shanhai: {sentence}\n")
    return 1


def _of_the_database(problem: Exception) -> str | None:
    """The sentence for a database that is away; looked up late, as many commands never import the library."""
    library = sys.modules.get("sqlalchemy.exc")
    if library is None or not isinstance(problem, library.OperationalError):
        return None
    first = str(problem.orig).strip().splitlines()[0] if problem.orig else "no answer"
    answered = getattr(problem.orig, "sqlstate", None) is not None
    return f"the database {'cannot do it' if answered else 'does not answer'}: {first}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
