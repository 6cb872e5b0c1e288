"""Other tools' formats: `spice` (ngspice, JoSIM), `toolkit_import`, `toolkit_export` (soen-toolkit), `sim_soens`."""
