"""The hall's words: pure nouns and the catalogue of events. No I/O, no clock; of protocols only bare code numbers."""
