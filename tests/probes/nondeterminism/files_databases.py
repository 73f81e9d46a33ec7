"""Databases and pickles: what they write, byte by byte."""

import hashlib
import pickle
import sqlite3
from pathlib import Path

connection = sqlite3.connect("data.db")
connection.execute("create table t (a, b)")
connection.execute("insert into t values (random(), datetime('now'))")
connection.execute("insert into t values (hex(randomblob(4)), julianday('now'))")
connection.commit()
print(connection.execute("select * from t").fetchall())
connection.close()
print(hashlib.sha256(Path("data.db").read_bytes()).hexdigest())
print(hashlib.sha256(pickle.dumps({"a": {1, 2, 3}, "b": frozenset("xyz")})).hexdigest())
