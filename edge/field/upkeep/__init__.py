"""What the field does in the background for its own books and disk: little at a time, and never in the way of a line."""
