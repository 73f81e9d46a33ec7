"""Witnesses: others who state that they saw a log grow and never shrink or fork.

One half serves (``request``, ``judging``, ``store``, ``service``, ``server``): a witness of its
own, with keys and a memory, speaking C2SP tlog-witness. The other asks (``policy``,
``conversation``, ``line``, ``witnesses``): it brings a log's head to the witnesses of a policy and
fails closed when too few confirm. Decisions are pure; sockets and files lie in ``server``,
``line``, ``store`` and ``key_file``.
"""
