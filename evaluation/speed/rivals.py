#!/usr/bin/env python3
"""Times SciPy and R on what judged does with one metric, one core.

    evaluation/speed/compare

runs it after judged's own benchmarks. What is not installed is left out.
"""

import shutil
import subprocess
import sys
import time

SIZES = (60, 1440, 10000)


def scipy_rows():
    try:
        import numpy
        from scipy import stats
    except ImportError:
        print("SciPy is not installed: left out", file=sys.stderr)
        return
    random = numpy.random.default_rng(1)
    for n in SIZES:
        baseline = numpy.exp(random.normal(size=n) / 2)
        canary = 1.02 * numpy.exp(random.normal(size=n) / 2)
        runs = max(3, 20000 // n)
        start = time.process_time()
        for _ in range(runs):
            stats.mannwhitneyu(canary, baseline, method="asymptotic")
        each = (time.process_time() - start) / runs
        print(f"| SciPy mannwhitneyu, p value alone | {n} | {each * 1e6:,.0f} |")


R = r"""
for (n in c(60, 1440, 10000)) {
  set.seed(1); x <- exp(rnorm(n)/2); y <- 1.02*exp(rnorm(n)/2)
  runs <- max(1, 2000 %/% n)
  each <- system.time(for (i in seq_len(runs)) wilcox.test(y, x, conf.int = TRUE, conf.level = .98, exact = FALSE))[["user.self"]] / runs
  cat(sprintf("| R wilcox.test with interval | %d | %s |\n", n, format(round(each*1e6), big.mark = ",")))
}
"""


def r_rows():
    if not shutil.which("Rscript"):
        print("R is not installed: left out", file=sys.stderr)
        return
    sys.stdout.flush()
    subprocess.run(["Rscript", "-e", R], check=True)


if __name__ == "__main__":
    print("| what | points a side | µs |")
    print("|---|--:|--:|")
    scipy_rows()
    r_rows()
