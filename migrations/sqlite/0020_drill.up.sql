-- Drills are numbered apart from rollbacks: DR-1. Their rows, and those of their records, have
-- negative ids. Older versions cannot read them: `oldest_reader` is raised with the first drill.
INSERT INTO counter (name, value) VALUES ('drill', 0) ON CONFLICT (name) DO NOTHING;
