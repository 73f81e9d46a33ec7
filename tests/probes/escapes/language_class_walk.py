# class: language
# tier: restricted
# attack: from any value to object, and to all its subclasses
# success: the program is compiled
print("escaped:", ().__class__.__base__.__subclasses__())
