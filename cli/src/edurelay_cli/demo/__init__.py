"""`edurelay demo`: the main job once, on a school of two thousand or on your own files, with two services killed in
the middle of it, and the books at the end."""
