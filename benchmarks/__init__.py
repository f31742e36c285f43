"""Side-by-side measurements against peers. `python -m benchmarks` makes its own data and prints one table of ratios."""
