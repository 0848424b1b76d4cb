// The pages of the dashboard: a new one is one line here and one component in shell.tsx.
export interface Page {
  path: string;
  title: string;
}

export const overview: Page = { path: '/', title: 'Overview' };

export const pages: readonly Page[] = [overview];
