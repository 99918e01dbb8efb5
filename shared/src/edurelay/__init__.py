"""The library that Edurelay's services share. It holds mechanisms and contracts, no business decision."""
