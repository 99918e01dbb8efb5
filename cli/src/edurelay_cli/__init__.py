"""The command line, and the embedded stack behind `edurelay up`, the demo, the tests and the benchmark."""
