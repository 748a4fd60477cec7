"""Benchmarks: ratios against a floor or peer of the same run, and the canned machines they run against."""
