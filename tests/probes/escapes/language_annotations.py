# class: language
# tier: restricted
# attack: annotations, which are evaluated where nobody looks: of parameters
# success: the program is compiled
def function(value: (1).__class__.__base__) -> print.__self__:
    return value


print("escaped:", function)
