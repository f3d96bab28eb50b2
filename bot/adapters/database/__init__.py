"""What is kept between turns, in SQLite or PostgreSQL: a module per stored port."""
