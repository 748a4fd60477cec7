"""(pure, seeded) Years of machine lives as a gateway reads them, with the truth beside every reading."""
