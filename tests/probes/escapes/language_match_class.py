# class: language
# tier: restricted
# attack: read a hidden attribute by a class pattern, which looks attributes up without any guard
# success: the class is bound
match 1:
    case int(__class__=found):
        print("escaped:", found.__name__)
