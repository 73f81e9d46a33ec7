"""What runs inside the sandbox, around the guest's program; on the image's Python, stdlib only.

Lean on purpose: every import here is paid at each start. Modules are patched when the guest imports
them (``hooks``), not before.
"""
