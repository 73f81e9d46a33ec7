# class: language
# tier: restricted
# attack: special methods that the interpreter itself calls with more than it should: __getattribute__
# success: the program is compiled
class Mine:
    def __getattribute__(self, name):
        return print

    def __init_subclass__(cls):
        pass


print("escaped:", Mine().anything)
