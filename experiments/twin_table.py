#!/usr/bin/env python3
"""Prints a Markdown table of what torch_twin.py wrote, the best first within a size.

    experiments/twin_table.py RESULTS.jsonl...
"""

import json
import sys


def main():
    rows = [json.loads(line) for path in sys.argv[1:] for line in open(path)]
    rows.sort(key=lambda r: (r["width"], r["tokens"], r["bpb"]))
    print("| network and recipe | MB seen | held-out bpb at a quarter, half, three quarters | at the end | rounded to 7 bits |")
    print("|---|---|---|---|---|")
    for r in rows:
        middle = ", ".join(f"{point['bpb']:.4f}" for point in r["curve"][:-1])
        print(f"| {r['name']} | {r['tokens'] / 1e6:.0f} | {middle} | **{r['bpb']:.4f}** | {r['bpb_rounded']:.4f} |")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    main()
