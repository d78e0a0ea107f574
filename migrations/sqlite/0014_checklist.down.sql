DROP TABLE checklist;
