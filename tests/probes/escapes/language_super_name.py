# class: language
# tier: restricted
# attack: call our own value super, so that what is allowed of super() reads hidden attributes of it
# success: a hidden attribute of another value is reached
def super():
    return print


class Own:
    def read(self):
        return super().__init__


try:
    print("escaped:", Own().read())
except (AttributeError, TypeError) as error:
    print("held:", error)
