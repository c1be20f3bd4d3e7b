"""The twin on photographs and sound: rows that rules choose, and differences as symbols."""
