"""Entropy of the TLS library."""

import hashlib
import hmac
import ssl

print(ssl.RAND_bytes(8).hex(), ssl.RAND_status())
print(hashlib.sha256(b"x").hexdigest(), hmac.new(b"k", b"m", "sha256").hexdigest())
print(hashlib.scrypt(b"p", salt=b"s", n=2, r=1, p=1).hex()[:16])
import _ssl

print(_ssl.RAND_bytes(8).hex())
