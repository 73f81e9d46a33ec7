# class: language
# tier: restricted
# attack: a class of a metaclass of ours, by keyword
# success: the program is compiled, and the class is made
class Mine(metaclass=lambda name, parents, contents: contents):
    pass


print("escaped:", Mine)
