"""A database in memory, compression and checksums: C below Python."""

import hashlib
import sqlite3
import zlib

base = sqlite3.connect(":memory:")
base.execute("create table fact (id integer primary key, kind text, size real)")
base.executemany(
    "insert into fact (kind, size) values (?, ?)",
    [("abcde"[number % 5], number * 0.37) for number in range(800)],
)
for row in base.execute("select kind, count(*), avg(size) from fact group by kind order by 3 desc"):
    print(row)
data = "\n".join(base.iterdump()).encode()
packed = zlib.compress(data, 6)
print(len(data), len(packed), zlib.crc32(data), hashlib.blake2b(data).hexdigest()[:24])
