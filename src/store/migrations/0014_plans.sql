-- What was planned for an execution as a whole: {"plannedAt": …, "lanes": …, "writtenBy": …, "addedSchemas": […]}.
ALTER TABLE executions ADD COLUMN plan jsonb;
