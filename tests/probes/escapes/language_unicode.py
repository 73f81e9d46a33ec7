# class: language
# tier: restricted
# attack: names in other letters that the parser makes the same: full-width underscores and letters
# success: the program is compiled
print("escaped:", (1).__cl𝒶ss__)
