"""python3 -m occam_experiments COMMAND ...: one question of experiments/README.md."""

import importlib
import sys

from .errors import USAGE, run_script

# The module of each command; the thin scripts of experiments/ have the same names.
COMMANDS = {
    "sweep": "sweep.command",
    "report": "report.command",
    "in_context": "in_context",
    "table1": "table1.command",
    "ledger_table": "ledger.command",
    "adjusted_optimum": "adjusted.command",
    "gallery": "gallery.command",
    "bit_maps": "bit_maps.command",
    "memory_or_network": "memory_or_network.command",
    "sound_table": "sound_table",
    "files_table": "files_table",
    "plot_run": "plot_run",
    "family": "family",
    "torch_twin": "twin.command",
    "twin_signals": "signals.command",
    "twin_table": "twin.table",
    "twin_checkpoint": "twin.checkpoint",
    "whole_photographs": "whole_photographs",
    "foundation": "foundation.command",
    "figures": "redraw",
}


def run(command: str) -> None:
    """Runs a command with the arguments of the process, and ends the process."""
    def main() -> None:
        # Here, so that a library that is missing is told in one line.
        importlib.import_module(f"{__package__}.{COMMANDS[command]}").main()

    run_script(main)


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        wanted = sys.argv[1:2] in (["-h"], ["--help"])
        print(f"{__doc__}\n\nCommands: {', '.join(COMMANDS)}; each has --help.",
              file=sys.stdout if wanted else sys.stderr)
        sys.exit(0 if wanted else USAGE)
    command = sys.argv.pop(1)
    sys.argv[0] = command + ".py"
    run(command)


if __name__ == "__main__":
    main()
