"""The command line: ``./shanhai <command>``. One file a command; rules live in the rooms."""
