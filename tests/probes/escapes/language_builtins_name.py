# class: language
# tier: restricted
# attack: the namespace's own hidden names: __builtins__, __import__, __loader__, __spec__
# success: the program is compiled
print("escaped:", __builtins__, __import__)
