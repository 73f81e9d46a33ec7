"""pandas: frames, groups, samples, dates, text output."""
# packages: pandas

import pandas as pd

frame = pd.DataFrame({"a": list("xyzxyz"), "b": [1.5, 2.25, 1 / 3, 4, 5, 6]})
print(frame.groupby("a").agg(["mean", "sum", "std"]), frame.sample(3), sep="\n")
print(
    pd.Timestamp.now(),
    pd.Timestamp("now"),
    pd.Timestamp.today().date(),
    pd.to_datetime("now", utc=True),
)
print(frame.describe(), pd.util.hash_pandas_object(frame), frame.to_json(), sep="\n")
frame.to_csv("frame.csv")
print(frame.merge(frame, on="a").sort_values(["a", "b_x", "b_y"]).head(), frame["a"].unique())
print(pd.date_range("2024-01-01", periods=3), frame.memory_usage(deep=True), sep="\n")
