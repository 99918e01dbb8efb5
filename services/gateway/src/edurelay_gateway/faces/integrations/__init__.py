"""`/integrations*` as the SIS connector document has it, for MOODLE and GENERIC_CSV."""
