"""What the correlation document prints, letter for letter: events, contexts, a rule's mappings."""

from __future__ import annotations

CRM_EVENT = """{
  "specversion": "1.0",
  "id": "crm-ingestion-2024-01-15-10-30-00-001",
  "source": "/crm/data/ingestion",
  "type": "com.crm.dataset.ingestion.completed",
  "time": "2024-01-15T10:30:00Z",
  "datacontenttype": "application/json",
  "data": {
    "dataset_name": "customer_transactions",
    "business_date": "2024-01-15",
    "ingestion_status": "success",
    "record_count": 15000,
    "processing_duration_seconds": 45,
    "data_quality_score": 0.98
  },
  "context_id": "crm-batch-2024-01-15-001",
  "context": {
    "batch_id": "crm-batch-2024-01-15-001",
    "application": "CRM",
    "process_type": "daily_batch",
    "priority": "normal",
    "owner": "crm_team"
  }
}"""
ERP_EVENT = """{
  "specversion": "1.0",
  "id": "erp-ingestion-2024-01-15-11-15-00-002",
  "source": "/erp/data/ingestion",
  "type": "com.erp.dataset.ingestion.completed",
  "time": "2024-01-15T11:15:00Z",
  "datacontenttype": "application/json",
  "data": {
    "dataset_name": "order_data",
    "business_date": "2024-01-15",
    "ingestion_status": "success",
    "record_count": 8500,
    "processing_duration_seconds": 30,
    "data_quality_score": 0.99
  },
  "context_id": "erp-daily-2024-01-15-002",
  "context": {
    "daily_run_id": "erp-daily-2024-01-15-002",
    "application": "ERP",
    "process_type": "daily_extraction",
    "priority": "high",
    "owner": "erp_team"
  }
}"""
CONTEXT_MAPPING = """
context_mapping:
  # CRM Application Mapping
  crm:
    source_pattern: "/crm/data/ingestion"
    context_mapping:
      batch_id: "context_id"
      application: "context.application"
      process_type: "context.process_type"
      priority: "context.priority"
      owner: "context.owner"

  # ERP Application Mapping
  erp:
    source_pattern: "/erp/data/ingestion"
    context_mapping:
      daily_run_id: "context_id"
      application: "context.application"
      process_type: "context.process_type"
      priority: "context.priority"
      owner: "context.owner"

  # Global Context Generation
  global_context:
    correlation_id: "correlation-{business_date}-{sequence}"
    business_process: "daily_reporting"
    expected_datasets: ["customer_transactions", "order_data"]
    downstream_job: "daily_customer_analysis"
    sla_minutes: 120
    owner: "data_engineering_team"
"""
RULE_MAPPINGS = """
context_normalization:
  enabled: true
  global_correlation_id: "correlation-${data.business_date}-${sequence}"

  # Application-specific mappings
  application_mappings:
    crm:
      source_pattern: "/crm/data/ingestion"
      context_id_mapping: "context.batch_id"
      priority_mapping: "context.priority"

    erp:
      source_pattern: "/erp/data/ingestion"
      context_id_mapping: "context.daily_run_id"
      priority_mapping: "context.priority"
"""
