import { EmptyState, Page } from '../../ui'

export function Component() {
  return (
    <Page title="No such page">
      <EmptyState title="There is no page at this address">Use the navigation above, or press g and then p for the pipelines.</EmptyState>
    </Page>
  )
}
