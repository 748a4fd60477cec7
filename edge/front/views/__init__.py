"""Reading: the books and the board's mirror as people and clients want to see them. Nothing is written."""
