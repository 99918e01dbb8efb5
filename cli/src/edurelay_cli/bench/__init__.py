"""`edurelay bench`: what each part does a second, beside a bare loop that does the least possible, on the same cores in
the same run. Figures of different machines do not compare; ratios nearly do."""
