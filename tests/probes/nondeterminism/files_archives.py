"""Archives and compressed files carry times and owners."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

Path("a").write_text("hello")
with tarfile.open("a.tar.gz", "w:gz") as archive:
    archive.add("a")
with zipfile.ZipFile("a.zip", "w") as archive:
    archive.write("a")
    archive.writestr("b", "text")
buffer = io.BytesIO()
with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
    file.write(b"data")
print(buffer.getvalue())
for name in ("a.tar.gz", "a.zip"):
    print(name, hashlib.sha256(Path(name).read_bytes()).hexdigest())
