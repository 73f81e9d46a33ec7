"""secrets, uuid, tempfile: names and tokens."""

import os
import secrets
import tempfile
import uuid

print(secrets.token_hex(), secrets.token_urlsafe(4), secrets.randbelow(1000))
print(uuid.uuid1(), uuid.uuid4(), uuid.getnode(), uuid.uuid5(uuid.NAMESPACE_DNS, "x"))
print(tempfile.mkdtemp(), tempfile.mkstemp(), tempfile.NamedTemporaryFile().name)
print(tempfile.gettempdir(), sorted(os.listdir("/tmp")))
