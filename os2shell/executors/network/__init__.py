"""The broker: HTTP exchanges for who has no network, performed outside, recorded, answered again.

``asked`` reads what a guest asks, ``question`` is the effect, ``secret`` keeps secrets out of it,
``exchange`` performs one over a socket, ``addresses`` says where a name may lead, ``broker`` is the
executor, ``answer`` what comes back, and ``desk`` sits between one run and all of these. Whoever
else wants an exchange performs ``Exchange`` like any effect and gets an ``answer.Answer``.
"""
