"""Git in the sandbox: its programs, its questions, and what of its result may leave.

``tools`` copies the machine's git into a content-addressed folder, ``question`` is the effect,
``runner`` performs it, ``state`` reads commit and references out of the tree that was left, and
``places`` with ``settings`` judge what may go into a user's ``.git``. ``user`` asks for whom git
acts.
"""
