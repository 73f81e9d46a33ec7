"""Witnesses: others who state that they saw a log grow and never shrink or fork.

One half serves (``request``, ``judging``, ``store``, ``service``, ``server``): a witness of its
own, with keys and a memory, speaking C2SP tlog-witness. The other asks (``policy``,
``conversation``, ``line``, ``witnesses``): it brings a log's head to the witnesses of a policy and
fails closed when too few confirm. Decisions are pure; sockets and files lie in ``server``,
``line``, ``store`` and ``key_file``.

A log that counts only what two of three confirmed::

    policy = read_policy(Path("witnesses.policy").read_bytes())
    with Witnesses(policy) as them:
        with TokenSignatureLedger.open(
            folder, signer, clock=time_ns, node="here", witnesses=them
        ) as log:
            log.append(Entry("note", {"text": "hello"}))  # QuorumError: durable, not confirmed

A witness for it, in another place: ``python -m ledger witness key FILE --name example.org/w1`` and
``python -m ledger witness serve --key FILE --store DIR --listen HOST:PORT --log VKEY``.
"""
