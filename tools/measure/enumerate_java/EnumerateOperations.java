import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.MethodNode;

/**
 * Lists every operation of Keycloak's Admin REST API from the server's own JAX-RS annotations, one JSON object a line.
 *
 * Compile and run with the jars of a distribution on the class path (lib/lib/main/*, lib/lib/boot/*); the argument is lib/lib/main.
 *
 * The walk starts at the root resources below /admin and follows sub-resource locators. What a locator really returns is often wider
 * than its declared type (Object, an interface), so the byte code of the locator is read: the values that can reach its return
 * instructions, through calls, overrides and all implementations of an interface. Extensions found by provider id are followed
 * through the provider factories that the jars register, their ids standing for the path parameter.
 */
public final class EnumerateOperations {

    private final Jars jars;
    private final Returned returned;
    private final Extensions extensions;
    private final Map<String, Map<String, Object>> lines = new TreeMap<>();
    private final Set<String> notes = new TreeSet<>();
    private final Set<String> reached = new HashSet<>();

    EnumerateOperations(Jars jars) {
        this.jars = jars;
        this.returned = new Returned(jars);
        this.extensions = new Extensions(jars);
    }

    public static void main(String[] arguments) throws Exception {
        EnumerateOperations program = new EnumerateOperations(new Jars(Path.of(arguments[0])));
        for (Class<?> root : program.roots()) {
            program.walk(root, Resources.pathOf(root), new ArrayDeque<>(), new TreeSet<>(), new ArrayDeque<>());
        }
        program.noteUnreached();
        program.lines.values().forEach(line -> System.out.println(Json.json(line)));
        program.notes.forEach(note -> System.out.println(Json.json(Map.of("note", note))));
        Features.all().forEach(feature -> System.out.println(Json.json(Map.of("feature", feature))));
    }

    List<Class<?>> roots() {
        List<Class<?>> found = new ArrayList<>();
        for (ClassNode node : new TreeMap<>(jars.index).values()) {
            Class<?> type = !jars.isInterfaceOrAbstract(node.name) && mayBeRoot(node.name) ? Jars.load(node.name) : null;
            if (type != null && Resources.pathOf(type) != null) {
                found.add(type);
            }
        }
        return found;
    }

    /** Whether the class or one of its parents carries a class-level path: looked up in the byte code, before loading anything. */
    boolean mayBeRoot(String name) {
        ClassNode node = jars.index.get(name);
        if (node == null) {
            return false;
        }
        boolean here = node.visibleAnnotations != null
                && node.visibleAnnotations.stream().anyMatch(annotation -> annotation.desc.equals("Ljakarta/ws/rs/Path;"));
        return here || mayBeRoot(node.superName) || node.interfaces.stream().anyMatch(this::mayBeRoot);
    }

    /** The cross-check of the walk: every class whose methods answer a verb should have been reached from some root. */
    void noteUnreached() {
        for (ClassNode node : jars.index.values()) {
            if (!jars.isInterfaceOrAbstract(node.name) && !reached.contains(node.name) && node.methods.stream().anyMatch(EnumerateOperations::answersVerb)) {
                notes.add("not reached from any root: " + node.name.replace('/', '.'));
            }
        }
    }

    static boolean answersVerb(MethodNode method) {
        Set<String> verbs = Set.of("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD");
        return method.visibleAnnotations != null && method.visibleAnnotations.stream()
                .anyMatch(annotation -> annotation.desc.startsWith("Ljakarta/ws/rs/") && verbs.contains(annotation.desc.replaceAll(".*/|;", "")));
    }

    void walk(Class<?> type, String path, Deque<Class<?>> chain, Set<String> features, Deque<String> via) {
        // A policy type's resource leads to policy types again, without end: /policy/{type}/{type}/{type}…
        if (chain.stream().anyMatch(type::isAssignableFrom)) {
            return;
        }
        chain.push(type);
        for (Class<?> at = type; at != null; at = at.getSuperclass()) {
            reached.add(at.getName().replace('.', '/'));
        }
        Set<String> here = new TreeSet<>(features);
        Features.askedInConstructors(jars.index.get(type.getName().replace('.', '/')), here);
        for (Method method : Resources.methodsOf(type)) {
            Method annotated = Resources.annotatedVersionOf(method);
            if (annotated == null) {
                continue;
            }
            String below = Resources.join(path, annotated.getAnnotation(jakarta.ws.rs.Path.class));
            String verb = Resources.verbOf(annotated);
            Set<String> all = new TreeSet<>(here);
            Features.askedIn(jars.codeOf(type, method), all);
            if (verb == null) {
                via.push(shortName(type) + "#" + method.getName());
                descend(type, method, below, chain, all, via);
                via.pop();
            } else if (!verb.equals("OPTIONS") && below.startsWith("/admin")) {
                emit(verb, below, type, method, annotated, all, via);
            }
        }
        chain.pop();
    }

    void descend(Class<?> type, Method locator, String path, Deque<Class<?>> chain, Set<String> features, Deque<String> via) {
        Code code = jars.codeOf(type, locator);
        String provider = Extensions.providerLookedUpById(code);
        if (provider != null && path.endsWith("}")) {
            descendIntoExtensions(provider, path, chain, features, via);
            return;
        }
        Set<String> targets = returned.classes(code, type.getName().replace('.', '/'));
        if (targets.isEmpty() && jars.index.containsKey(locator.getReturnType().getName().replace('.', '/'))) {
            targets.add(locator.getReturnType().getName().replace('.', '/'));
            note(path, "declared type only: " + type.getSimpleName() + "#" + locator.getName() + " -> " + locator.getReturnType().getName());
        }
        if (targets.isEmpty()) {
            note(path, "locator leads nowhere: " + path + " " + type.getName() + "#" + locator.getName());
        }
        for (String target : targets) {
            walk(Jars.load(target), path, chain, features, via);
        }
    }

    private void descendIntoExtensions(String provider, String path, Deque<Class<?>> chain, Set<String> features, Deque<String> via) {
        List<Extensions.Extension> found = extensions.of(provider);
        if (found.isEmpty()) {
            note(path, "no factories registered for " + provider);
        }
        for (Extensions.Extension extension : found) {
            Set<String> all = new TreeSet<>(features);
            all.addAll(extension.features());
            if (extension.targets().isEmpty()) {
                note(path, "extension leads nowhere: " + extension.id() + " of " + provider);
            }
            for (String target : extension.targets()) {
                walk(Jars.load(target), path.substring(0, path.lastIndexOf('{')) + extension.id(), chain, all, via);
            }
        }
    }

    /** Outside /admin nothing is listed, so nothing has to be explained. */
    void note(String path, String text) {
        if (path.startsWith("/admin")) {
            notes.add(text);
        }
    }

    void emit(String verb, String template, Class<?> type, Method method, Method annotated, Set<String> features, Deque<String> via) {
        String path = template.replaceAll("\\{\\s*([^:}\\s]+)\\s*:(?:[^{}]|\\{[^{}]*\\})*\\}", "{$1}");
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("method", verb);
        line.put("path", path);
        if (!path.equals(template)) {
            line.put("template", template);
        }
        line.put("handler", shortName(type) + "#" + method.getName());
        line.put("class", method.getDeclaringClass().getName());
        List<String> consumes = Resources.media(annotated, type, jakarta.ws.rs.Consumes.class);
        List<String> produces = Resources.media(annotated, type, jakarta.ws.rs.Produces.class);
        putUnlessEmpty(line, "consumes", consumes);
        putUnlessEmpty(line, "produces", produces);
        Map<String, String> query = new TreeMap<>();
        Map<String, String> form = new TreeMap<>();
        List<String> bodies = new ArrayList<>();
        Resources.parameters(annotated, query, form, bodies);
        putUnlessEmpty(line, "query", query);
        putUnlessEmpty(line, "form", form);
        if (!bodies.isEmpty()) {
            line.put("bodyType", String.join(" + ", bodies));
        }
        line.put("returns", Resources.nameOf(annotated.getGenericReturnType()));
        putUnlessEmpty(line, "featuresInCode", new ArrayList<>(features));
        List<String> locators = new ArrayList<>(via);
        Collections.reverse(locators);
        putUnlessEmpty(line, "via", locators);
        add(path + " " + verb + " " + method.getName() + " " + consumes + " ", type, line);
    }

    /** A subclass reached by the same path, with the same method, adds nothing: it is there for another verb or another feature. */
    void add(String key, Class<?> type, Map<String, Object> line) {
        Class<?> declaring = Jars.load(line.get("class").toString().replace('.', '/'));
        String own = key + declaring.getName();
        Map<String, Object> before = lines.get(own);
        if (before == null || type == declaring) {
            lines.put(own, line);
        }
    }

    /** The simple name, that of the superclass for an anonymous class. */
    static String shortName(Class<?> type) {
        return type.isAnonymousClass() ? type.getSuperclass().getSimpleName() : type.getSimpleName();
    }

    static void putUnlessEmpty(Map<String, Object> line, String key, Object value) {
        boolean empty = value instanceof Collection<?> list ? list.isEmpty() : ((Map<?, ?>) value).isEmpty();
        if (!empty) {
            line.put(key, value);
        }
    }
}
