# SPDX-License-Identifier: MIT
"""What was measured against its budget, by both parts of `make bench`, as the table at its end."""

import json
import operator
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
FIRST_PART = HERE.parents[1] / "build/out/bench/budgets.json"

MEANS = {"<=": operator.le, ">=": operator.ge}


class Budgets:
    def __init__(self):
        self.rows = []

    def add(self, what, measured, compare, limit, unit=""):
        self.rows.append((what, measured, compare, limit, unit))

    def keep(self):
        """For the second part, which shows them."""
        FIRST_PART.write_text(json.dumps(self.rows))

    def take(self):
        """What the first part has kept, once: it is no result of a later run."""
        if FIRST_PART.exists():
            self.rows += json.loads(FIRST_PART.read_text())
            FIRST_PART.unlink()

    def held(self):
        return all(MEANS[compare](measured, limit) for _, measured, compare, limit, _ in self.rows)

    def show(self):
        if not self.rows:
            return
        print(f"\n{'budgets':<47} measured      budget")
        for what, measured, compare, limit, unit in self.rows:
            shown = f"{measured:.2f}" if isinstance(measured, float) and measured < 100 else f"{measured:.0f}"
            verdict = "held" if MEANS[compare](measured, limit) else "NOT HELD"
            print(f"{what:<47} {shown:>8}   {compare} {limit:<6} {unit:<9} {verdict}")
        print("all budgets are held" if self.held() else "a budget is not held")
