-- Whose token it is, if it is an agent's: the agent's name. NULL: it is the person's own. The person of
-- an agent's token is the one who was responsible for the agent when it was made.
ALTER TABLE token ADD COLUMN agent TEXT;
