"""From a table and a fitted mixture to findings: plain data, in words and numbers.

Every function takes ``least``: nothing it returns rests on fewer rows than that. With 1 all may be shown; where no row
may leave the table it is 10, and extremes, rare levels, single points and odd cells stay out.
"""
