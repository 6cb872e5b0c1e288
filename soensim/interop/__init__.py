"""Other tools' formats, one module each: `spice` (ngspice and JoSIM decks)."""
