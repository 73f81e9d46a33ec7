"""Where a name leads, and whether a program of ours may be led there.

The broker resolves, judges every address that came, and connects to those very addresses: a name
that would answer otherwise the second time (DNS rebinding) is asked once. An address that is not
the internet's own, or that carries such a one inside, is refused unless the grant names that
address, or the host with ``private``; ``localhost`` means the loopback addresses (RFC 6761).
"""

import socket
import threading
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from os2shell.executors.network.failure import ExchangeFailed, Failure
from os2shell.policy.network import Origin

ADDRESSES_MOST = 8
"""Of a name's addresses, how many are tried."""
LOCALHOST = "localhost"
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = IPv6Network("::/96")


def resolve(origin: Origin, *, private: bool, seconds: float) -> list[str]:
    """The addresses to try, in the resolver's order; raises ``ExchangeFailed``."""
    found = _looked_up(origin.host, origin.port, seconds)
    loopback = origin.host == LOCALHOST
    named = origin.host in found  # an address, and the very one that was granted
    for address in found:
        fine = private or named or (loopback and ip_address(address).is_loopback)
        if not fine and not is_public(address):
            raise ExchangeFailed(
                Failure.ADDRESS,
                f"{origin.host} leads to {address}, which is not an address of the internet; a "
                "grant must name that address, or the host with private = true",
            )
    return found[:ADDRESSES_MOST]


def is_public(text: str) -> bool:
    """Whether the address is one of the internet's, and carries no other inside."""
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        inside = _carried(address)
        if inside is not None:
            return is_public(str(inside))
        if address in _NAT64_LOCAL:
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that this one is another way to write, or leads to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or address in _COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _looked_up(host: str, port: int, seconds: float) -> list[str]:
    """Ask the resolver, which knows no limit of time, in a thread that may be left behind."""
    answers: list[list[str] | OSError] = []

    def look() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.append(list(dict.fromkeys(str(row[4][0]) for row in rows)))
        except OSError as error:
            answers.append(error)

    thread = threading.Thread(target=look, daemon=True, name="os2-resolve")
    thread.start()
    thread.join(seconds)
    match answers:
        case [list(found)]:
            return found
        case [OSError() as error]:
            raise ExchangeFailed(
                Failure.RESOLVE, f"{host} cannot be resolved: {error.strerror or error}"
            )
        case _:
            raise ExchangeFailed(Failure.TIME, f"{host} was not resolved in time")
