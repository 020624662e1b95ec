import type { TableField } from '../../api'
import { EmptyState, Table, type TableColumn } from '../../ui'

const columns: readonly TableColumn<TableField>[] = [
  { key: 'name', header: 'Column', className: 'font-mono text-sm wrap-anywhere', cell: (column) => column.name },
  { key: 'type', header: 'Type', className: 'wrap-anywhere', cell: (column) => column.type },
  { key: 'nullable', header: 'May be missing', cell: (column) => (column.nullable ? 'yes' : <span className="text-muted">no</span>) },
]

export function Columns({ columns: fields }: { columns: readonly TableField[] }) {
  if (fields.length === 0) return <EmptyState title="No column">This version of the table has no columns.</EmptyState>
  return <Table label="Columns" rows={fields} columns={columns} rowKey={(column) => column.name} />
}
