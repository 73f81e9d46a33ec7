"""Count the words of a text on standard input.

Run it with:  os2 python wordcount.py --top 5 < README.md
"""

import argparse
import re
import sys
from collections import Counter

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def main() -> int:
    parser = argparse.ArgumentParser(prog="wordcount", description="Count words of standard input.")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="show the N most frequent")
    parser.add_argument("--longer-than", type=int, default=0, metavar="N", help="skip short words")
    options = parser.parse_args()

    text = sys.stdin.read()
    words = [word.lower() for word in WORD.findall(text)]
    if not words:
        print("wordcount: no words on standard input", file=sys.stderr)
        return 1

    kept = Counter(word for word in words if len(word) > options.longer_than)
    print(f"{text.count(chr(10))} lines, {len(words)} words, {len(text)} characters")
    for word, count in kept.most_common(options.top):
        print(f"{count:>6}  {word}")
    once = {word for word, count in kept.items() if count == 1}
    print(f"{len(once)} words occur once, such as: {', '.join(list(once)[:3])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
