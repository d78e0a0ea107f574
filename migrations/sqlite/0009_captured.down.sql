DROP TABLE captured;
