"""Other tools' formats: `spice` (ngspice and JoSIM decks), `toolkit_import` and `toolkit_export` (soen-toolkit)."""
