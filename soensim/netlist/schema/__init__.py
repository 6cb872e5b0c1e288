"""The parts of a netlist: what each key means, what is legal, and what holds between them."""
